import { expect, test } from 'vitest'
import { parseJobFile } from '../../src/dispatcher/job.ts'
import { environmentFile } from '../../src/dispatcher/materialize.ts'
import { networkFiles } from '../../src/dispatcher/network.ts'
import { JOB } from './task-medium.ts'

const NETWORK = {
  mac: '52:54:00:12:34:56',
  addresses: ['192.0.2.17/24', '2001:db8::17/64'],
  gateway: '192.0.2.1',
  dns: ['2001:db8::53'],
}

test('a job file is read as it was written, and unknown fields are left alone', () => {
  expect(
    parseJobFile(JSON.stringify({ ...JOB, network: { ...NETWORK, vlan: 17, mtu: 9000 }, colour: 'blue' })),
  ).toEqual({
    ...JOB,
    network: { ...NETWORK, vlan: 17, mtu: 9000 },
  })
})

test.for<[string, object, string]>([
  ['no object', [], 'it is no object'],
  ['of another format', { ...JOB, format: 2 }, 'its format is 2'],
  ['without a secret', { ...JOB, webhook: { url: JOB.webhook.url } }, 'webhook.secret is no line of text'],
  ['with a URL that is none', { ...JOB, webhook: { url: 'ftp://x', secret: 's' } }, 'no http or https URL'],
  [
    'with a secret of two lines',
    { ...JOB, webhook: { ...JOB.webhook, secret: 'a\nb' } },
    'webhook.secret is no line of text',
  ],
  [
    'with a certificate that is none',
    { ...JOB, controller: { url: 'https://c', ca_pem: 'x' } },
    'controller.ca_pem is no PEM',
  ],
  ['with an address that is none', { ...JOB, network: { ...NETWORK, addresses: ['192.0.2.300/24'] } }, 'no IP address'],
  [
    'with an address without prefix',
    { ...JOB, network: { ...NETWORK, addresses: ['192.0.2.3'] } },
    'without its prefix',
  ],
  ['with a VLAN that is none', { ...JOB, network: { ...NETWORK, vlan: 4095 } }, 'network.vlan is 4095, not 1 to 4094'],
  [
    'with a gateway that smuggles a line',
    { ...JOB, network: { ...NETWORK, gateway: '192.0.2.1\n[Route]' } },
    'network.gateway is no line of text',
  ],
])('a job file %s is refused', ([, file, message]) => {
  expect(() => parseJobFile(JSON.stringify(file))).toThrow(message)
})

const CARD = ['[Match]', 'MACAddress=52:54:00:12:34:56', 'Type=ether', 'Kind=!*', '', '[Link]']
const STATIC = ['', '[Network]', 'DHCP=no', 'IPv6AcceptRA=no', 'LinkLocalAddressing=no']
const ADDRESSES = ['Address=192.0.2.17/24', 'Address=2001:db8::17/64', 'Gateway=192.0.2.1', 'DNS=2001:db8::53', '']

test('a static plan matches its card by MAC address and has no DHCP', () => {
  expect(networkFiles({ ...NETWORK, mtu: 9000 })).toEqual([
    {
      name: '10-provision.network',
      content: [...CARD, 'MTUBytes=9000', 'RequiredForOnline=routable', ...STATIC, ...ADDRESSES].join('\n'),
    },
  ])
})

test('addresses on a VLAN are on an interface of its own, not on the card', () => {
  const [card, device, tagged] = networkFiles({ ...NETWORK, vlan: 17 })
  expect(card?.content).toBe([...CARD, 'RequiredForOnline=no', ...STATIC, 'VLAN=provision', ''].join('\n'))
  expect(device?.content).toBe('[NetDev]\nName=provision\nKind=vlan\n\n[VLAN]\nId=17\n')
  expect(tagged?.content).toBe(
    ['[Match]', 'Name=provision', '', '[Link]', 'RequiredForOnline=routable', ...STATIC, ...ADDRESSES].join('\n'),
  )
})

test.for<[string, string | undefined]>([
  ['plain', 'KEY=plain\n'],
  ['', 'KEY=\n'],
  ['two words', 'KEY=two words\n'],
  ['a=b#c$d', 'KEY=a=b#c$d\n'],
  ['"quoted"', undefined],
  ["it's", undefined],
  ['back\\slash', undefined],
  ['two\nlines', undefined],
  [' padded ', undefined],
])('the value %j is written so that systemd and podman read the same, or refused', ([value, expected]) => {
  if (expected === undefined) expect(() => environmentFile({ KEY: value })).toThrow('Cannot write KEY')
  else expect(environmentFile({ KEY: value })).toBe(expected)
})

test.for<[string, string[], string, boolean]>([
  ['in the prefix', ['192.0.2.17/24'], '192.0.2.1', true],
  ['in the prefix of the second address', ['192.0.2.17/32', '198.51.100.2/30'], '198.51.100.1', true],
  ['link-local', ['2001:db8::17/64'], 'fe80::1', true],
  ['outside of a /32', ['192.0.2.17/32'], '192.0.2.1', false],
  ['outside of a /64', ['2001:db8::17/64'], '2001:db8:1::1', false],
])('a gateway that is %s is reached', ([, addresses, gateway, near]) => {
  const [file] = networkFiles({ ...NETWORK, addresses, gateway })
  if (near) expect(file?.content).toMatch(new RegExp(`^Gateway=${gateway}$`, 'm'))
  else expect(file?.content).toMatch(new RegExp(`\\n\\n\\[Route\\]\\nGateway=${gateway}\\nGatewayOnLink=yes\\n$`))
})

test('a prefix longer than its address is refused', () => {
  for (const address of ['192.0.2.17/33', '2001:db8::17/129']) {
    const network = { ...NETWORK, addresses: [address] }
    expect(() => parseJobFile(JSON.stringify({ ...JOB, network }))).toThrow('with a prefix above')
  }
})
