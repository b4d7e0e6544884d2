#!/usr/bin/env node
// tuf-js behind the command line of tuf-conformance's CLIENT-CLI.md. `npm ci` in this directory first.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Updater } from 'tuf-js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'metadata-dir': { type: 'string' },
    'metadata-url': { type: 'string' },
    'target-name': { type: 'string', multiple: true, default: [] },
    'target-dir': { type: 'string' },
    'target-base-url': { type: 'string' },
  },
});
const [command, trustedRoot] = positionals;

if (command === 'init') {
  copyFileSync(trustedRoot, join(values['metadata-dir'], 'root.json'));
} else {
  const updater = new Updater({
    metadataDir: values['metadata-dir'],
    metadataBaseUrl: values['metadata-url'],
    targetDir: values['target-dir'],
    targetBaseUrl: values['target-base-url'],
  });
  await updater.refresh();
  for (const name of values['target-name']) {
    const target = await updater.getTargetInfo(name);
    if (!target) {
      throw new Error(`the repository has no target ${JSON.stringify(name)}`);
    }
    if (!(await updater.findCachedTarget(target))) {
      await updater.downloadTarget(target);
    }
  }
}
