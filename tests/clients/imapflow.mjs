// One visit to an account by imapflow; libraries.rs describes what each visit does and prints,
// imapflow.rs those that only imapflow makes.
//
//     IMAPFLOW=DIRECTORY node imapflow.mjs PORT USER PASSWORD VISIT DIRECTORY
//
// IMAPFLOW is where npm has installed it.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { ImapFlow } = createRequire(join(process.env.IMAPFLOW, 'here.js'))('imapflow');
const [port, user, pass, visit, directory] = process.argv.slice(2);
const LETTERS = { '\\Draft': 'D', '\\Flagged': 'F', '\\Answered': 'R', '\\Seen': 'S', '\\Deleted': 'T' };

const client = new ImapFlow({
    host: '127.0.0.1',
    port: Number(port),
    secure: false,
    auth: { user, pass },
    logger: false,
    qresync: ['leave', 'resume'].includes(visit),
});
client.on('error', (error) => {
    console.error(error);
    process.exit(1);
});

const tell = (...words) => console.log(words.join('\t'));

const letters = (flags) =>
    [...flags]
        .map((flag) => LETTERS[flag] ?? '')
        .sort()
        .join('');

function good(result, what) {
    if (!result) throw new Error(`the server refuses ${what}`);
    return result;
}

async function the(identity) {
    const found = good(await client.search({ header: { 'X-Id': identity } }, { uid: true }), 'SEARCH');
    if (found.length !== 1) throw new Error(`${identity} is found ${found.length} times`);
    return String(found[0]);
}

/** Runs `work` in a mailbox. */
async function within(mailbox, work) {
    const lock = await client.getMailboxLock(mailbox);
    try {
        await work();
    } finally {
        lock.release();
    }
}

async function look() {
    for (const folder of await client.list()) {
        if (folder.flags.has('\\Noselect') || folder.flags.has('\\NonExistent')) continue;
        await within(folder.path, async () => {
            for await (const message of client.fetch('1:*', { flags: true, headers: ['X-Id'] })) {
                const identity = message.headers.toString().split(':')[1].trim();
                tell('message', folder.path, identity, letters(message.flags));
            }
        });
    }
    await within('INBOX', async () => {
        for (const identity of ['inbox-0007', 'inbox-0008', 'inbox-0009']) {
            const { source } = await client.fetchOne(await the(identity), { source: true }, { uid: true });
            writeFileSync(join(directory, identity), source);
        }
    });
}

async function change() {
    await within('INBOX', async () => {
        tell('found', 'unseen', (await client.search({ seen: false })).length);
        const either = { or: [{ flagged: true }, { subject: 'no such' }] };
        tell('found', 'flagged', (await client.search(either)).length);
        tell('found', 'text', (await client.search({ body: 'Grüße' })).length);
        const [flagged, unread, gone] = [await the('inbox-0004'), await the('inbox-0005'), await the('inbox-0006')];
        good(await client.messageFlagsAdd(flagged, ['\\Flagged', '$Work'], { uid: true }), 'STORE');
        good(await client.messageFlagsRemove(unread, ['\\Seen'], { uid: true }), 'STORE');
        good(await client.messageDelete(gone, { uid: true }), 'EXPUNGE');
    });
    await within('台北', async () => {
        // Without MOVE it copies and deletes.
        good(await client.messageMove(await the('trip-0007'), 'Entwürfe', { uid: true }), 'MOVE');
        good(await client.messageCopy(await the('trip-0008'), 'Lists.R&D', { uid: true }), 'COPY');
    });
    const text = 'Subject: appended\r\nX-Id: appended\r\n\r\nBy the client.\r\n';
    const date = new Date('2003-02-01T04:05:06Z');
    good(await client.append('Entwürfe', text, ['\\Seen', '\\Draft'], date), 'APPEND');
    good((await client.mailboxCreate('Été')).created, 'CREATE');
    good(await client.mailboxRename('Été', 'Überall'), 'RENAME');
    good(await client.mailboxSubscribe('Überall'), 'SUBSCRIBE');
    await client.mailboxCreate('Short');
    good(await client.mailboxDelete('Short'), 'DELETE');
}

async function arrange() {
    await client.mailboxOpen('Talk', { readOnly: true });
    const options = { uid: true, returnOptions: ['MIN', 'COUNT'] };
    const { min, count } = await client.search({ subject: 'pears' }, options);
    tell('counted', min, count);
}

/** Stays until it has heard of a new message, of a flag and of an expunged message. */
async function watch() {
    await client.mailboxOpen('INBOX');
    const signal = AbortSignal.timeout(20_000);
    const heard = [
        once(client, 'exists', { signal }).then(async () => {
            await the('watched');
            tell('heard', 'message');
        }),
        once(client, 'flags', { signal }).then(([event]) => event.flags.has('\\Flagged') && tell('heard', 'flag')),
        once(client, 'expunge', { signal }).then(() => tell('heard', 'expunge')),
    ];
    let waiting = true;
    const all = Promise.allSettled(heard).then(() => (waiting = false));
    writeFileSync(join(directory, 'ready'), '');
    if (client.capabilities.has('IDLE')) client.idle();
    else while (waiting) await Promise.all([client.noop(), sleep(50)]);
    await all;
}

/** Stays until it has heard of nine changes, and tells when it heard of each. */
async function listen() {
    await client.mailboxOpen('INBOX');
    let unheard = 9;
    const all = new Promise((resolve) => {
        const hear = (what) => (event) => {
            // A message that is being deleted has its flags changed before.
            if (what === 'flag' && !event.flags.has('\\Flagged')) return;
            tell('heard', what, Date.now());
            unheard -= 1;
            if (unheard === 0) resolve();
        };
        client.on('exists', hear('message'));
        client.on('flags', hear('flag'));
        client.on('expunge', hear('expunge'));
    });
    client.idle();
    writeFileSync(join(directory, 'ready'), '');
    await Promise.race([all, sleep(20_000, undefined, { ref: false })]);
}

/** Remembers how far it has come with a mailbox. */
async function leave() {
    const { uidValidity, highestModseq } = await client.mailboxOpen('INBOX');
    writeFileSync(join(directory, 'left'), `${uidValidity} ${highestModseq}`);
}

/** Opens the mailbox again, and tells what has changed since. */
async function resume() {
    const [uidValidity, changedSince] = readFileSync(join(directory, 'left'), 'utf8').split(' ').map(BigInt);
    client.on('flags', ({ uid, flags }) => tell('changed', uid, letters(flags)));
    client.on('expunge', ({ uid, earlier }) => tell('vanished', uid, earlier));
    await client.mailboxOpen('INBOX', { uidValidity, changedSince });
}

await client.connect();
await { look, change, arrange, watch, listen, leave, resume }[visit]();
await client.logout();
