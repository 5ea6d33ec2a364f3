// Returns the digest of a request's credential, for the keys of NGINX's cache of decisions (nginx.conf). NGINX writes
// the keys to files, so a key must not contain the credential.

import crypto from 'crypto';

function digest(request) {
  return crypto.createHash('sha256').update(request.headersIn['Authorization'] || '').digest('hex');
}

export default { digest };
