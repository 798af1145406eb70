// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

// Walks and results fill what they use; clearing it first would cost more than the walk.
[module: System.Runtime.CompilerServices.SkipLocalsInit]
