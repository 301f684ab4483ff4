/** Three people, one of each kind of password; the costs are the smallest there are. */
export const HTPASSWD = `# made for the tests
carla:$2y$04$G8EO2D0Jivs26Una.o/7xOBUzqckljEcxjYHzpFRXAWl9IZCKjuDG
dave:$scrypt$ln=4,r=8,p=1$VbjPWJcUhxjZfOUNdwdzSQ$kQU3B5Wo1cOnAosA4PeEY9FfwhVgO1UJb8fyM46jO/E
erin:$argon2id$v=19$m=64,t=1,p=1$Le2MpdeOI6NORphp24pVGw$mvUzPh++NAG2pxVyZzE7/FMQxK7L2eU6PIYOvnH7/bM
`

export const CARLA = 'carla:secret-c'
export const DAVE = 'dave:secret-d'
export const ERIN = 'erin:secret-e'

export function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`
}
