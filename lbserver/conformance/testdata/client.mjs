// Node's fetch (undici), its http client with keep-alive, and its upgrade event, against the listener at argv[2].
import assert from 'node:assert/strict';
import http from 'node:http';

const site = process.argv[2];

const first = await fetch(site + '/');
const cookie = first.headers.get('set-cookie').split(';')[0];
const name = await first.text();
for (let i = 0; i < 4; i++) {
  const again = await fetch(site + '/', { headers: { cookie } });
  assert.equal(await again.text(), name, 'the cookie leads to its server');
}

const body = 'x'.repeat(300_000);
const posted = await (await fetch(site + '/echo', { method: 'POST', body })).json();
assert.equal(posted.body, body);
assert.equal(posted.headers['X-Forwarded-Proto'][0], 'http');

const stream = new ReadableStream({
  start(controller) {
    for (let i = 0; i < 100; i++) controller.enqueue(new TextEncoder().encode('y'.repeat(1000)));
    controller.close();
  },
});
const streamed = await (await fetch(site + '/echo', { method: 'PUT', body: stream, duplex: 'half' })).json();
assert.equal(streamed.body, 'y'.repeat(100_000));

const many = await Promise.all(Array.from({ length: 100 }, (_, i) => fetch(`${site}/echo?${i}`).then((r) => r.json())));
many.forEach((echo, i) => assert.equal(echo.target, `/echo?${i}`));

const abort = new AbortController();
const aborted = fetch(site + '/slow?for=30s', { signal: abort.signal });
setTimeout(() => abort.abort(), 50);
await assert.rejects(aborted, { name: 'AbortError' });

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const request = (options, content) =>
  new Promise((resolve, reject) => {
    const sent = http.request(site + '/echo', { agent, ...options }, (response) => {
      let text = '';
      response.on('data', (piece) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode, text, reused: sent.reusedSocket }));
    });
    sent.on('error', reject);
    if (options.headers?.Expect) sent.on('continue', () => sent.end(content));
    else sent.end(content);
  });
await request({ method: 'GET' });
const reused = await request({ method: 'HEAD' });
assert.ok(reused.status === 200 && reused.reused, 'the connection is kept');
const expected = await request({ method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 5 } }, 'hello');
assert.equal(JSON.parse(expected.text).body, 'hello');
agent.destroy();
console.log('ok');
process.exit(0);
