"""Uploads that are answered early, by http.client, against the listener at argv[1]: it sends all before it reads."""
import http.client
import sys
import urllib.parse

host = urllib.parse.urlsplit(sys.argv[1]).netloc


def request(method, path, body=None):
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request(method, path, body=body)
    response = connection.getresponse()
    response.read()
    connection.close()
    return str(response.status)


def upload(path):
    return request("POST", path, b"x" * (20 << 20))


statuses = [upload(path) for path in ("/413", "/401", "/502")]
request("GET", "/leave")
print(" ".join([*statuses, upload("/503")]))
