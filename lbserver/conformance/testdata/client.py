"""http.client and urllib with a cookie jar, against the listener at argv[1]."""
import http.client
import http.cookiejar
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

site = sys.argv[1]
host = urllib.parse.urlsplit(site).netloc

jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
names = {opener.open(site + "/").read() for _ in range(5)}
assert len(names) == 1, f"the cookie leads to {names}"
assert [c.name.startswith("ALB_") and c.discard for c in jar] == [True], f"the jar has {list(jar)}"

connection = http.client.HTTPConnection(host, timeout=30)
for i in range(20):
    connection.request("GET", f"/echo?{i}")
    response = connection.getresponse()
    assert json.load(response)["target"] == f"/echo?{i}"
kept = connection.sock
connection.request("POST", "/echo", body=b"x" * 300_000)
assert json.load(connection.getresponse())["body"] == "x" * 300_000
connection.request("PUT", "/echo", body=(b"y" * 1000 for _ in range(100)), encode_chunked=True,
                   headers={"Transfer-Encoding": "chunked"})
assert json.load(connection.getresponse())["body"] == "y" * 100_000
connection.request("HEAD", "/")
response = connection.getresponse()
assert response.status == 200 and response.read() == b""
assert connection.sock is kept and kept is not None, "the connection is kept"

connection.putrequest("GET", "/")
connection.putheader("Content-Length", "1")
connection.putheader("Transfer-Encoding", "chunked")
connection.endheaders()
response = connection.getresponse()
assert response.status == 400, response.status
response.read()
connection.close()
print("ok")
