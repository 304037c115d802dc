/** Stands for warnings about options that this package does not have. */
export function hasWarned(): boolean {
  return true;
}

export function warnOnce(): void {}
