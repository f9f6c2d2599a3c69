// Where are the services, and who asks? One client each, for the generated calls: getContact({ client: crm.contacts, path: { contact_id } }).

import { createClient as contactsClient, type Client as Contacts } from "./contacts/client/index.js";
import { createClient as loyaltyClient, type Client as Loyalty } from "./loyalty/client/index.js";
import { createClient as reportingClient, type Client as Reporting } from "./reporting/client/index.js";
import { createClient as ticketsClient, type Client as Tickets } from "./tickets/client/index.js";

/** The services' addresses, without a slash at their ends; the bearer token, or what gives one that has not expired. */
export interface Services {
  readonly contacts: string;
  readonly tickets: string;
  readonly loyalty: string;
  readonly reporting: string;
  readonly token: string | (() => string | Promise<string>);
}

export interface Connection {
  readonly contacts: Contacts;
  readonly tickets: Tickets;
  readonly loyalty: Loyalty;
  readonly reporting: Reporting;
  readonly services: Services;
}

export function connect(services: Services): Connection {
  const auth = async (): Promise<string> => bearer(services);
  return {
    contacts: contactsClient({ baseUrl: services.contacts, auth }),
    tickets: ticketsClient({ baseUrl: services.tickets, auth }),
    loyalty: loyaltyClient({ baseUrl: services.loyalty, auth }),
    reporting: reportingClient({ baseUrl: services.reporting, auth }),
    services,
  };
}

export async function bearer(services: Services): Promise<string> {
  return typeof services.token === "string" ? services.token : await services.token();
}
