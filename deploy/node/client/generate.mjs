// Which files does the generator make of the API's documents? A folder a service, with types, calls and the fetch client they use.
// node generate.mjs <folder of the documents> <folder to write>
import { createClient } from "@hey-api/openapi-ts";

const [documents, output] = process.argv.slice(2);

for (const service of ["contacts", "tickets", "loyalty", "reporting"]) {
  await createClient({
    input: `${documents}/${service}.json`,
    output: { path: `${output}/${service}`, module: { extension: ".js" } },
    logs: { level: "error", file: false },
    plugins: ["@hey-api/typescript", "@hey-api/sdk", "@hey-api/client-fetch"],
  });
}
