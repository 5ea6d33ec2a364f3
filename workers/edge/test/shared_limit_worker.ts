// A worker for shared_limit.test.ts. It requests the client's path from a server with a limit that all its requests
// share, and answers with the status of the server. If the server is too slow, the worker answers with 504.

import { answerWithin, systemClock } from "../src/hedging";
import { SharedLimit } from "../src/shared_limit";

const limit = new SharedLimit(300, 50, systemClock);

export default {
  async fetch(request: Request): Promise<Response> {
    const start = (): Promise<Response> => fetch(`http://server${new URL(request.url).pathname}`);
    const answer = await answerWithin(limit, start, (late) => void late.body?.cancel());
    return new Response(null, { status: answer?.status ?? 504 });
  },
};
