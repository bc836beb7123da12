// Opens pages as browsers do, without drawing them: streams.mjs HOST PORT COUNT SECONDS. Prints how many streams were open at the
// end, and how many events and octets they got.
import { Agent, get } from "node:http";

const [host, port, count, seconds] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
let [open, events, octets] = [0, 0, 0];
for (let index = 0; index < Number(count); index++) {
  const request = get({ host, port, path: "/api/v1/stream?fragments=now", agent }, (response) => {
    if (response.statusCode !== 200) return;
    open++;
    response.on("data", (data) => {
      octets += data.length;
      events += data.toString("latin1").split("event: now").length - 1;
    });
    response.on("close", () => open--);
  });
  request.on("error", () => {});
}
setTimeout(() => {
  console.log(JSON.stringify({ open, events, octets }));
  process.exit(0);
}, Number(seconds) * 1000);
