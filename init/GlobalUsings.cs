// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
#pragma warning disable IDE0005 // the functions a program's side calls
global using KvmSharp.Annotations;
global using static Linux.CurrentH;
global using static Linux.Errno;
global using static Linux.File;
global using static Linux.Fork;
global using static Linux.Mmap;
global using static Linux.MmapLockH;
global using static Linux.MmH;
global using static Linux.Open;
global using static Linux.Ownership;
global using static Linux.Rwsem;
global using static Linux.TaskMmu;
global using static Linux.VmaH;
