const { join } = require("node:path");

exports.modelPath = join(__dirname, "model");
exports.dmsPath = join(__dirname, "dms");
exports.plainPath = join(__dirname, "plain");
exports.controlPath = join(__dirname, "control");
exports.pagePath = join(__dirname, "page.txt");
