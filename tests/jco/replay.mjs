// Runs the component, as jco made it, on recorded answers, and compares with what the native session made of them:
// the lockfile byte for byte, the packages and their slots, and the codes of failures.
// Usage: node replay.mjs RESOLVER_JS TRANSCRIPTS_JSON
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const [resolver, transcripts] = process.argv.slice(2);
const { resolution } = await import(pathToFileURL(resolver));
const encoder = new TextEncoder();

const noPlugin = { tag: 'unavailable', val: { reason: 'plugin' } };
const notFound = { tag: 'unavailable', val: { reason: 'not-found', status: 404 } };

/** A recorded answer with bytes for text and without what JSON writes as null. */
function revive(answer) {
  if (answer.tag === 'manifest') return { tag: 'manifest', val: encoder.encode(answer.val) };
  if (answer.tag === 'resolved') {
    return { tag: 'resolved', val: { ...answer.val, manifest: encoder.encode(answer.val.manifest) } };
  }
  const metadata = Object.fromEntries(Object.entries(answer.val).filter(([, value]) => value !== null));
  const manifests = metadata.manifests.map(([version, text]) => [version, encoder.encode(text)]);
  return { tag: 'metadata', val: { ...metadata, manifests, deprecated: Uint32Array.from(metadata.deprecated) } };
}

/** Answers are found by what is asked, so the order of the questions does not matter. */
function answer(answers, { tag, val }) {
  if (tag === 'custom') {
    const found = answers[`custom ${val.specifier}`];
    return found ? revive(found) : noPlugin;
  }
  const last = tag === 'metadata' ? val.full : val.version;
  const found = answers[`${tag} ${val.name} ${last}`];
  return found ? revive(found) : notFound;
}

/** One answer at a time, the youngest question first: the order leaves no trace. */
function run({ project, answers }) {
  const session = resolution.Session.open(project);
  const open = [];
  const snapshots = [];
  let replies = [];
  for (;;) {
    const progress = session.advance(replies);
    open.push(...progress.requests);
    snapshots.push(...progress.snapshots.map(({ depPath, slot }) => [depPath, slot]));
    if (progress.outcome) return { lockfile: progress.outcome.lockfile ?? null, snapshots };
    const isPlacing = progress.snapshots.length > 0 || progress.layout;
    if (open.length === 0 && !isPlacing) throw new Error('it neither asks nor ends');
    const asked = open.pop();
    replies = asked ? [{ id: asked.id, answer: answer(answers, asked.request) }] : [];
  }
}

function outcome(transcript) {
  try {
    return run(transcript);
  } catch (error) {
    if (!Array.isArray(error.payload)) throw error; // a trap, not an answer
    return { codes: error.payload.map(({ code }) => code) };
  }
}

const all = JSON.parse(readFileSync(transcripts, 'utf8'));
const different = all.filter((transcript) => {
  const made = outcome(transcript);
  if (isDeepStrictEqual(made, transcript.outcome)) return false;
  console.error(`${transcript.name}: native`, transcript.outcome, 'through jco', made);
  return true;
});
console.log(`${all.length - different.length} of ${all.length} scenarios are the same through jco`);
process.exitCode = all.length > 0 && different.length === 0 ? 0 : 1;
