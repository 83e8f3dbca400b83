// deep-email-validator from npm under the same load: node peer.mjs FOLDER JSON prints a measure as JSON.
//
// It has no settings for name servers and asks port 25 only, so node's own modules are told otherwise before it starts:
// names are asked of the mail world (also those of the connections, which would go through the C library's four
// threads), and port 25 becomes the mail world's.
import dns from "node:dns";
import net from "node:net";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, text] = process.argv.slice(2);
const load = JSON.parse(text);
dns.setServers([`${load.dns[0]}:${load.dns[1]}`]);
const lookup = (host, options, done) =>
  dns.resolve4(host, (error, found) => {
    if (error) done(error);
    else if (options.all) done(null, found.map((address) => ({ address, family: 4 })));
    else done(null, found[0], 4);
  });
const connect = net.createConnection.bind(net);
net.createConnection = (port, host) => connect({ port: port === 25 ? load.smtp_port : port, host, lookup });

const entry = createRequire(`${folder}/`).resolve("deep-email-validator");
const { validate } = await import(pathToFileURL(entry).href);

let next = 0, first = 0, last = 0;
const wrongs = {};
const each = Math.ceil(load.count / load.domains);
async function work() {
  while (next < load.count) {
    const n = next++;
    const missing = n % 10 === 0;
    const email = `${missing ? "missing" : "user"}${n}@bulk-${Math.floor(n / each) + 1}.test`;
    const answer = await validate({ email, sender: "probe@candour.test", validateTypo: false });
    last = performance.now();
    first ||= last;
    if (answer.valid === missing) {
      const why = answer.validators[answer.reason]?.reason ?? "valid";
      wrongs[why] = (wrongs[why] ?? 0) + 1;
    }
  }
}
const began = performance.now();
const used = process.cpuUsage();
await Promise.all(Array.from({ length: load.in_flight }, work));
const { user, system } = process.cpuUsage(used);
console.log(JSON.stringify({
  answers: load.count,
  wrong: wrongs,
  rate: (load.count - 1) / ((last - first) / 1000),
  seconds: (last - began) / 1000,
  processor: (user + system) / 1000 / load.count,
  peak: process.resourceUsage().maxRSS / 1024,
}));
