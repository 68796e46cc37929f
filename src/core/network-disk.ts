/** Which file systems lie on another machine. Pure. */

/** Numbers of `statfs(2)`: linux/magic.h and the file systems' own headers. */
const NETWORK: Record<number, string> = {
  26985: 'nfs',
  20859: 'smb',
  4283649346: 'cifs',
  4266872130: 'smb2',
  22092: 'ncp',
  1397113167: 'afs',
  1799439955: 'afs',
  1937076805: 'coda',
  12805120: 'ceph',
  198183888: 'lustre',
  1196443219: 'gpfs',
};
/** Every FUSE file system has the same number; its kind is in the table of mounts. */
const FUSE = 0x65735546;
const NETWORK_FUSE =
  /^fuse\.(sshfs|rclone|s3fs|s3ql|gcsfuse|glusterfs|davfs2?|curlftpfs|ceph-fuse|nfs|smbnetfs|goofys|mountpoint-s3|blobfuse2?|juicefs|hdfs.*)$/;

/**
 * The kind of network file system, null for a local one. `type`: of `statfs`. `device`: `major:minor` of a file on it. `mountinfo`: text of
 * `/proc/self/mountinfo`, asked for only where the number does not tell; a line holds the device third, and the kind after ` - `.
 */
export function networkDisk(type: number, device: string, mountinfo: () => string): string | null {
  // The system call's number is signed on some machines.
  const number = type >>> 0;
  if (number !== FUSE) return NETWORK[number] ?? null;
  const line = mountinfo()
    .split('\n')
    .find((each) => each.split(' ')[2] === device);
  const kind = line?.slice(line.indexOf(' - ') + 3).split(' ')[0] ?? '';
  return NETWORK_FUSE.test(kind) ? kind : null;
}
