import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** java.net.http.HttpClient with a cookie manager, against the listener at args[0]. It offers h2c by itself. */
public class Client {
    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    public static void main(String[] args) throws Exception {
        URI site = URI.create(args[0]);
        HttpClient client = HttpClient.newBuilder().cookieHandler(new CookieManager()).connectTimeout(Duration.ofSeconds(10)).build();
        Set<String> names = new HashSet<>();
        for (int i = 0; i < 5; i++) {
            HttpResponse<String> response = client.send(request(site, "/").build(), BodyHandlers.ofString());
            check(response.statusCode() == 200 && response.version() == HttpClient.Version.HTTP_1_1, response.toString());
            names.add(response.body());
        }
        check(names.size() == 1, "the cookie leads to " + names);

        String body = "x".repeat(300_000);
        String echoed = client.send(request(site, "/echo").POST(BodyPublishers.ofString(body)).build(), BodyHandlers.ofString()).body();
        check(echoed.contains(body), "a body comes back");
        check(!echoed.contains("Http2-Settings"), "the offer of h2c stays here");
        String chunked = client.send(request(site, "/echo").PUT(BodyPublishers.ofInputStream(
            () -> new java.io.ByteArrayInputStream("y".repeat(100_000).getBytes()))).build(), BodyHandlers.ofString()).body();
        check(chunked.contains("y".repeat(100_000)), "a chunked body comes back");
        String expected = client.send(request(site, "/echo").expectContinue(true).POST(BodyPublishers.ofString("hello")).build(),
            BodyHandlers.ofString()).body();
        check(expected.contains("hello"), "a body comes back after 100");

        List<CompletableFuture<HttpResponse<String>>> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) all.add(client.sendAsync(request(site, "/echo?n=" + i + "&").build(), BodyHandlers.ofString()));
        for (int i = 0; i < all.size(); i++) check(all.get(i).get().body().contains("/echo?n=" + i + "\\u0026"), "answer " + i + " is its own");
        System.out.println("ok");
    }

    static HttpRequest.Builder request(URI site, String path) {
        return HttpRequest.newBuilder(site.resolve(path)).timeout(Duration.ofSeconds(30));
    }
}
