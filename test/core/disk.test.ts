/** Disks that are full, read-only, or on another machine. */

import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { diskFault } from '../../src/core/disk-fault.ts';
import { networkDisk } from '../../src/core/network-disk.ts';
import { tempDir } from '../fixtures/temp.ts';

const errno = (code: string, place?: string) => Object.assign(new Error(`${code}: it failed`), { code, path: place });

describe('a fault of a disk', () => {
  it('is one sentence with a way out', () => {
    expect(diskFault(errno('ENOSPC', '/x/y'))).toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('/x/y'),
    });
    expect(diskFault(errno('EDQUOT'), '/state')).toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('/state'),
    });
    expect(diskFault(errno('EROFS'))).toMatchObject({ code: 'read-only', exit: 2 });
  });
  it('is not everything that fails', () => {
    expect([diskFault(errno('ENOENT')), diskFault(new Error('x')), diskFault('x'), diskFault(null)]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
  it('is what SQLite says of a database that cannot be written', () => {
    const file = path.join(tempDir(), 'a.db');
    new DatabaseSync(file).exec('CREATE TABLE t (a)');
    const readOnly = new DatabaseSync(file, { readOnly: true });
    const fault = fails(() => readOnly.exec('INSERT INTO t VALUES (1)'));
    readOnly.close();
    expect(diskFault(fault)).toMatchObject({ code: 'read-only' });
    const small = new DatabaseSync(file);
    small.exec('PRAGMA max_page_count = 2');
    const full = fails(() => small.exec(`INSERT INTO t VALUES ('${'x'.repeat(100_000)}')`));
    small.close();
    expect(diskFault(full)).toMatchObject({ code: 'disk-full' });
  });
});

function fails(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** Lines as Linux writes them (proc(5)). */
const MOUNTS = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
70 22 0:61 / /home/ada/far rw,nosuid,nodev shared:35 - fuse.sshfs ada@host: rw,user_id=1000,group_id=1000
71 22 0:62 / /home/ada/near rw,nosuid,nodev shared:36 - fuseblk /dev/sdb1 rw,user_id=0
72 22 0:63 / /home/ada/merged rw shared:37 - fuse.mergerfs a:b rw`;

describe('a network file system', () => {
  it.each([
    [0x6969, 'nfs'],
    [0xff534d42, 'cifs'],
    [0xff534d42 | 0, 'cifs'],
    [0xfe534d42, 'smb2'],
    [0xef53, null],
    [0x01021994, null],
    [0x9123683e, null],
  ])('%i is %s', (type, kind) => {
    expect(networkDisk(type, '8:1', () => MOUNTS)).toBe(kind);
  });
  it('through FUSE is told by the table of mounts', () => {
    const kind = (device: string) => networkDisk(0x65735546, device, () => MOUNTS);
    expect([kind('0:61'), kind('0:62'), kind('0:63'), kind('9:9')]).toEqual(['fuse.sshfs', null, null, null]);
  });
  it('a disk of this machine is none', () => {
    const here = tempDir();
    const mountinfo = () => fs.readFileSync('/proc/self/mountinfo', 'utf8');
    expect(networkDisk(fs.statfsSync(here).type, '', mountinfo)).toBe(null);
  });
});
