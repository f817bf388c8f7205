// Node's `ws`: each line of stdin to every socket, as its documentation does it.
const { WebSocketServer, WebSocket } = require('ws');
const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false, backlog: 4096 });
server.on('listening', () => console.log('ready'));
server.on('connection', (socket) => socket.on('error', () => {}));
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(line);
});
lines.on('close', () => process.exit(0));
