// Makes better_auth.sql and better_auth.ndjson anew, by better-auth itself over an empty Postgres:
//   npm install better-auth pg && DATABASE_URL=… BETTER_AUTH_SECRET=… node make_better_auth.mjs > better_auth.sql
//   node export_people.mjs > better_auth.ndjson        (the program of docs/tutorials/move-in.md)
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { twoFactor } from "better-auth/plugins";
import { createOTP } from "@better-auth/utils/otp";
import pg from "pg";

const password = "the password of ada";
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const options = {
  baseURL: "http://localhost:3000",
  secret: process.env.BETTER_AUTH_SECRET,
  database,
  emailAndPassword: { enabled: true },
  plugins: [twoFactor()],
  rateLimit: { enabled: false },
};
const { compileMigrations, runMigrations } = await getMigrations(options);
console.log(await compileMigrations());
await runMigrations();
const auth = betterAuth(options);
const cookies = (response) => response.headers.getSetCookie().map((each) => each.split(";")[0]).join("; ");

for (const name of ["ada", "grace"]) {
  const body = { name, email: `${name}@example.com`, password };
  const made = await auth.api.signUpEmail({ body, asResponse: true });
  if (!made.ok) throw new Error(await made.text());
  if (name === "grace") continue;
  const headers = new Headers({ cookie: cookies(made) });
  const begun = await auth.api.enableTwoFactor({ body: { password }, headers });
  const secret = Buffer.from(new URL(begun.totpURI).searchParams.get("secret"), "utf8").toString();
  const { base32 } = await import("@better-auth/utils/base32");
  const text = new TextDecoder().decode(base32.decode(secret));
  await auth.api.verifyTOTP({ body: { code: await createOTP(text).totp() }, headers, asResponse: true });
}
for (const table of ["user", "account", "twoFactor"]) {
  const { rows } = await database.query(`SELECT * FROM "${table}"`);
  for (const row of rows) {
    const names = Object.keys(row).map(pg.escapeIdentifier).join(", ");
    const values = Object.values(row).map((each) =>
      each === null ? "NULL" : pg.escapeLiteral(each instanceof Date ? each.toISOString() : String(each)));
    console.log(`INSERT INTO "${table}" (${names}) VALUES (${values.join(", ")});`);
  }
}
await database.end();
