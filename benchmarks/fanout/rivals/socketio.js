// Socket.IO with its Redis Streams adapter, as the adapter's documentation sets it up: PORT and the URL of Redis.
const { createClient } = require('redis');
const { createServer } = require('http');
const { Server } = require('socket.io');
const { createAdapter } = require('@socket.io/redis-streams-adapter');

async function main() {
  const redis = createClient({ url: process.argv[3] });
  await redis.connect();
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, adapter: createAdapter(redis) });
  io.on('connection', (socket) => socket.join(socket.handshake.query.room));
  http.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
}

// Nobody is left who could stop us.
process.stdin.on('end', () => process.exit(0)).resume();
main();
