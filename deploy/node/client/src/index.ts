// How does a page or a program talk to the four services? connect() once, then the generated calls with a service's client, and follow() for what happens live.

export * as contacts from "./contacts/index.js";
export * as loyalty from "./loyalty/index.js";
export * as reporting from "./reporting/index.js";
export * as tickets from "./tickets/index.js";
export { connect, type Connection, type Services } from "./connect.js";
export { follow, type Followed, type Following } from "./live.js";
export { answered, Refused, tokenOf, type Answer } from "./refused.js";
