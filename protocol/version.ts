/**
 * Every page sends it with its first request, and the server refuses another version. Raise it when a
 * page and a server of different versions could misunderstand each other.
 */
export const PROTOCOL_VERSION = 3;
