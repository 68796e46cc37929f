/** Why bubblewrap does not start here, from what it says, and what makes it start. Wordings of bubblewrap 0.4 to 0.11. */

export interface KnownFailure {
  what: string;
  do: string;
}

const APPARMOR_PROFILE =
  "printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }\\n' | " +
  'sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap';

const KNOWN: [pattern: RegExp, failure: KnownFailure][] = [
  [
    /setting up uid map: Permission denied|loopback: Failed RTM_NEWADDR/,
    {
      what: 'This system restricts user namespaces to programs with an AppArmor profile (Ubuntu 23.10 and newer), and bubblewrap has none.',
      do: `Give it one: ${APPARMOR_PROFILE}`,
    },
  ],
  [
    /Can't mount proc/,
    {
      what: 'A process namespace cannot have a /proc here: PanCode runs as root in another sandbox, or in an unprivileged container.',
      do: 'Run it as a normal user, or start the container with --security-opt systempaths=unconfined --security-opt seccomp=unconfined.',
    },
  ],
  [
    /No permissions to creat\w* new namespace/,
    {
      what: 'User namespaces are forbidden here, by the filter of a container or by the kernel.',
      do: 'In a container, start it with --security-opt seccomp=unconfined; else run: sudo sysctl kernel.unprivileged_userns_clone=1',
    },
  ],
  [
    /Creating new namespace failed: No space left on device/,
    {
      what: 'The number of user namespaces is limited to none.',
      do: 'Run: sudo sysctl user.max_user_namespaces=15000',
    },
  ],
  [
    /Creating new namespace failed|does not support user namespaces|setup_seccomp|PR_SET_SECCOMP|prctl\(PR_SET_NO_NEW_PRIVS\)/,
    {
      what: 'This kernel lacks user namespaces or system call filters.',
      do: 'Use a kernel with CONFIG_USER_NS and CONFIG_SECCOMP_FILTER.',
    },
  ],
  [
    /Unknown option|unrecognized option/i,
    { what: 'This bubblewrap is too old.', do: 'Install bubblewrap 0.8 or newer.' },
  ],
];

/** null: bubblewrap said something we do not know. */
export function knownFailure(stderr: string): KnownFailure | null {
  return KNOWN.find(([pattern]) => pattern.test(stderr))?.[1] ?? null;
}
