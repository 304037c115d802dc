'use strict';
// What programs that change `Session.prototype.decorateConnection` require by this path.
module.exports = require('../dist/index.cjs').transport;
