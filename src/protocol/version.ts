/** Page and worker compare this in their handshake: a cached old worker is a named error. */
export const sondeVersion = '0.1.0';
