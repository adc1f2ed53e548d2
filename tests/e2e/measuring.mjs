import yauzl from 'yauzl';

/**
 * How many entries a reader of ZIPs finds.
 * @param {Buffer} archive
 * @returns {Promise<number>}
 */
export function entriesOf(archive) {
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(archive, { lazyEntries: true }, (error, zip) => {
      if (error) return reject(error);
      let found = 0;
      zip.on('entry', () => {
        found++;
        zip.readEntry();
      });
      zip.on('end', () => resolve(found)).on('error', reject);
      zip.readEntry();
    });
  });
}
