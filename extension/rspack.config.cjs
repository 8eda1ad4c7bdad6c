// Names instead of numbers, so that the bundle is the same byte for byte wherever it is built.
module.exports = { optimization: { moduleIds: 'named', chunkIds: 'named' } };
