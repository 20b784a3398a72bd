// Prints the text of the first message, read under TLS by imapflow.
//
//     IMAPFLOW=DIRECTORY node imapflow_tls.mjs implicit|starttls PORT USER PASSWORD AUTHORITY
//
// IMAPFLOW is where npm has installed it.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { ImapFlow } = createRequire(join(process.env.IMAPFLOW, 'here.js'))('imapflow');
const [way, port, user, pass, authority] = process.argv.slice(2);
const implicit = way === 'implicit';

const client = new ImapFlow({
    host: 'localhost',
    port: Number(port),
    secure: implicit,
    doSTARTTLS: implicit ? undefined : true,
    tls: { ca: readFileSync(authority) },
    auth: { user, pass },
    logger: false,
});
client.on('error', (error) => {
    console.error(error);
    process.exit(1);
});

await client.connect();
if (!client.secureConnection) throw new Error('there is no TLS');
await client.mailboxOpen('INBOX', { readOnly: true });
const message = await client.fetchOne('1', { bodyParts: ['text'] });
console.log(message.bodyParts.get('text').toString().trim());
await client.logout();
