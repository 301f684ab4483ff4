import { TOOL_IMAGE, TOOL_REPOSITORY, TOOL_TAG } from '../../shared/task/tool-image.ts'
import { isEmbedded } from './embedded-image.ts'
import { hasImage, pullImage } from './podman.ts'
import type { Step } from './step.ts'

/**
 * Sees to the image that the other steps run in: it is in the medium, or is pulled from the controller. On the host, for
 * it is what the containers are made of.
 */
export const toolImage: Step = {
  name: 'tool-image',
  prefix: 'provisioner',
  async run(context) {
    const { job, programs, say, signal } = context
    if (await isEmbedded(TOOL_IMAGE)) {
      say(`${TOOL_IMAGE} is in the medium: nothing is pulled`)
      return { image: TOOL_IMAGE, pulled: false }
    }
    if (await hasImage(TOOL_IMAGE, context)) {
      say(`${TOOL_IMAGE} was pulled by this boot already`)
      return { image: TOOL_IMAGE, pulled: false }
    }
    const name = await pullImage(`oci://${job.registry.host}/${TOOL_REPOSITORY}:${TOOL_TAG}`, context)
    await programs.run({ argv: ['podman', 'tag', name, TOOL_IMAGE] }, signal)
    return { image: TOOL_IMAGE, pulled: true, from: name }
  },
}
