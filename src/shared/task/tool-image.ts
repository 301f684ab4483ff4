/** The image of the steps' own programs, as the Quadlets name it: embedded in the medium, or pulled and named so. */
export const TOOL_IMAGE = 'localhost/provisioner-tools:1'

/** Where the maintenance OS finds it in the controller's registry when it is not in the medium. */
export const TOOL_REPOSITORY = 'provisioner-tools'
export const TOOL_TAG = '1'

/** The additional image store of the maintenance OS (`additionalimagestores` in assets/host/etc/containers/storage.conf). */
export const TOOL_STORE = '/usr/lib/provision/containers-storage'
