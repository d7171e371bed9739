import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** Uploads that are answered early, by java.net.http.HttpClient or by HttpURLConnection, against the listener at args[0]. */
public class Early {
    static URI site;
    static boolean modern;
    static final byte[] BODY = new byte[20 << 20];
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        site = URI.create(args[0]);
        modern = args[1].equals("client");
        String statuses = upload("/413") + " " + upload("/401") + " " + upload("/502");
        request("/leave", null);
        System.out.println(statuses + " " + upload("/503"));
    }

    static int upload(String path) throws Exception {
        return request(path, BODY);
    }

    static int request(String path, byte[] body) throws Exception {
        return modern ? byClient(path, body) : byConnection(path, body);
    }

    static int byClient(String path, byte[] body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(site.resolve(path)).version(HttpClient.Version.HTTP_1_1).timeout(Duration.ofSeconds(30));
        if (body != null) request.POST(BodyPublishers.ofByteArray(body));
        return CLIENT.send(request.build(), BodyHandlers.discarding()).statusCode();
    }

    static int byConnection(String path, byte[] body) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) site.resolve(path).toURL().openConnection();
        connection.setReadTimeout(30_000);
        if (body != null) {
            connection.setRequestMethod("POST");
            connection.setDoOutput(true);
            connection.setFixedLengthStreamingMode(body.length);
            connection.getOutputStream().write(body);
        }
        return connection.getResponseCode();
    }
}
