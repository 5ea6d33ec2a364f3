const { greet } = require("@acme/greeting");

exports.page = (name) => `<h1>${greet(name)}</h1>`;
