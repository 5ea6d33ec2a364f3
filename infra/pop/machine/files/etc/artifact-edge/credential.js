// Returns the digest of a request's credential, for the key of the memory of decisions (nginx.conf). The files of that
// memory contain their keys, so the credential itself must not be in a key.

import crypto from 'crypto';

function digest(request) {
  return crypto.createHash('sha256').update(request.headersIn['Authorization'] || '').digest('hex');
}

export default { digest };
