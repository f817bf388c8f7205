// Another process of a Socket.IO cluster, without sockets: each line of stdin, ROOM TAB JSON, is emitted to that room.
const { createClient } = require('redis');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-streams-adapter');

async function main() {
  const redis = createClient({ url: process.argv[2] });
  await redis.connect();
  const io = new Server({ adapter: createAdapter(redis) });
  const lines = require('readline').createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const tab = line.indexOf('\t');
    io.to(line.slice(0, tab)).emit('event', JSON.parse(line.slice(tab + 1)));
  });
  lines.on('close', () => process.exit(0));
  console.log('ready');
}

main();
