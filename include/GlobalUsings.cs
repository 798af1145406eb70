// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
// What #include and the linker do in C: every translation unit's external functions are visible everywhere.
global using System.Diagnostics;
global using System.Runtime.CompilerServices;
global using System.Runtime.InteropServices;
global using KvmSharp.Annotations;
global using KvmSharp.Machine;

global using static Linux.ErrH;
global using static Linux.Errno;
global using static Linux.GfpTypesH;
global using static Linux.KvmHostH;
global using static Linux.KvmTypesH;
global using static Linux.MemoryModelH;
global using static Linux.MmH;
global using static Linux.PageFlagsH;
global using static Linux.PagemapH;
global using static Linux.PgtableH;
global using static Linux.UapiKvm;

global using pgoff_t = ulong;
