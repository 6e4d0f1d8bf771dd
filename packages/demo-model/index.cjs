const { join } = require("node:path");

exports.modelPath = join(__dirname, "model");
exports.pagePath = join(__dirname, "page.txt");
