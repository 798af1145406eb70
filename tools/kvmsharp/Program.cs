// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
return 2;
