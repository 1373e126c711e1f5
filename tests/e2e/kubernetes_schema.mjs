// Holds a manifest (JSON, standard input) to the schema of the API, which the npm package kubernetes-models has:
//     node kubernetes_schema.mjs FOLDER      FOLDER has that package in its node_modules
// The schema knows types and what must be there; that a field is misspelt is found by test_kubernetes.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Job } = createRequire(process.argv[2] + "/")("kubernetes-models/batch/v1/Job");
const manifest = JSON.parse(readFileSync(0, "utf8"));

new Job(manifest).validate();
const wrong = structuredClone(manifest);
wrong.spec.completions = "8";
try {
    new Job(wrong).validate();
} catch {
    console.log("fits the schema of " + manifest.apiVersion + " " + manifest.kind);
    process.exit(0);
}
throw new Error("the schema finds no fault where there is one");
