/**
 * Carries the dispatch's gateway into the sandbox: listens on loopback, pipes every connection to the gateway's socket. Says `ready` on
 * stdout once it listens. Nothing else: it ends with its namespace. `relay.js PORT`; a port it cannot have ends it with the reason.
 */
import net from 'node:net';

const server = net.createServer({ allowHalfOpen: true }, (inside) => {
  const outside = net.connect({ path: '/run/pancode/gw/sock', allowHalfOpen: true });
  inside.pipe(outside);
  outside.pipe(inside);
  inside.on('error', () => outside.destroy()); // the agent went: the gateway need not answer
  outside.on('error', () => inside.destroy()); // the gateway went: the agent sees a closed connection
});
server.on('error', (error) => {
  process.stderr.write(`gateway relay: ${error.message}\n`);
  process.exit(1);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'));
