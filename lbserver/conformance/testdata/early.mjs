// Uploads that are answered early, by fetch (undici) or by http, against the listener at argv[2].
import http from 'node:http';

const [, , site, way] = process.argv;
const body = Buffer.alloc(20 << 20);
const ways = {
  fetch: async (path, options) => (await fetch(site + path, options)).status,
  http: (path, { method = 'GET', body } = {}) =>
    new Promise((resolve, reject) => {
      let status;
      const sent = http.request(site + path, { method }, (response) => {
        status = response.statusCode;
        response.resume();
        response.on('end', () => resolve(status));
      });
      // Once the response is there, what becomes of the rest of the body does not matter to its status.
      sent.on('error', (error) => (status ? resolve(status) : reject(error)));
      sent.end(body);
    }),
};
const request = ways[way];
const upload = (path) => request(path, { method: 'POST', body });
const statuses = [];
for (const path of ['/413', '/401', '/502']) statuses.push(await upload(path));
await request('/leave');
statuses.push(await upload('/503'));
console.log(statuses.join(' '));
process.exit(0);
