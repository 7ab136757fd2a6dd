import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AnswerLog } from "../answer/running-answer.js";

/** The web application, its bodies typed by their schemas. */
export type App = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>;

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route asks the engine for an answer: it is refused where there is no room. */
    readonly generates?: boolean;
    /** The route answers without a key. */
    readonly isOpen?: boolean;
  }

  interface FastifyRequest {
    /** Whose key the request brought; empty where there are no keys. */
    keyOwner: string;
    /** Filled by an answer, for the line that is logged of the request. */
    answerLog: AnswerLog;
    /** The body before its schema dropped what it does not know. */
    givenBody: unknown;
  }
}
