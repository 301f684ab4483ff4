import type { SeenFailure } from './case.ts'

const HEAD = `# What goes wrong, and what the operator sees

Written by \`test/assets/failures.real.test.ts\`, which makes these happen on a real systemd, with the real units, dispatcher and
reporter, and compares this page (\`PROVISIONER_WRITE_DOCS=1\` rewrites it). In each case exactly one report is sent, no later
step begins, nothing that the failed step has started is left, and the journal of the boot is sent before the report:
\`provisioner job logs ID\`.

\`provisioner job show ID\` gives the failed step and its message: one sentence on how the unit ended, then the unit's last
lines. What is named here is in that message. "none" means that the medium told neither an address nor a secret to report
with: no report is sent, the controller's job ends by its time limit, and the server's screen and serial console say why no step was
started.

Real are kernel, systemd, podman with its containers, our program in the step that fails (in "Any step" shell lines or a container
stand for it), and the errors of a disk with less behind it than it says. Made up are the controller with its registry, the list of
disks, the vendor's tool, and the programs of the tool image that the test's OS does not have (\`sgdisk\` and its error, \`blkid\`,
\`chroot\`). Memory that runs out is real too, in a virtual machine (\`test/system/memory.vm.test.ts\`).

`

export function failuresPage(groups: Readonly<Record<string, readonly SeenFailure[]>>): string {
  const sections = Object.entries(groups).map(([title, cases]) => {
    const rows = cases.map(({ when, unit, says }) => `| ${when} | ${unitOf(unit)} | ${says.map(code).join('<br>')} |`)
    return [`## ${title}`, '', '| when | failed step | message |', '|---|---|---|', ...rows, ''].join('\n')
  })
  return HEAD + sections.join('\n')
}

function unitOf(unit: string): string {
  return unit === 'none' ? 'none' : `\`${unit}\``
}

function code(line: string): string {
  return `\`${line.replaceAll('|', '\\|')}\``
}
