// Reads a WARC with warcio (npm) and prints a line of JSON for each record: what the tests compare with their own
// reader. node warcio_read.mjs FOLDER-OF-WARCIO FILE
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const { WARCParser } = await import(pathToFileURL(join(folder, "dist", "index.js")).href);

for await (const record of new WARCParser(createReadStream(file))) {
  const sha1 = createHash("sha1");
  let bytes = 0;
  for await (const chunk of record) {
    sha1.update(chunk);
    bytes += chunk.length;
  }
  console.log(JSON.stringify({
    type: record.warcType,
    id: record.warcHeader("WARC-Record-ID"),
    uri: record.warcTargetURI ?? null,
    date: record.warcDate,
    status: record.warcType === "response" ? record.httpHeaders.statusCode : null,
    bytes,
    sha1: sha1.digest("hex"),
  }));
}
