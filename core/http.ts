/** A request as it reached the edge. `headers`: lower-case names, values as received, several of one name joined with ', '. */
export interface HttpRequest {
  method: string;
  /** Raw, not decoded. */
  path: string;
  /** Without '?'; '' if there is none. */
  query: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}
