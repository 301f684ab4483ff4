import fc from 'fast-check'

/** A `maxLength` means what it says: by itself fast-check makes at most ten elements more than twice the `minLength`. */
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true })
