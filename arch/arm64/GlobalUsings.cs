// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
#pragma warning disable IDE0005 // not every function is called in every state of the tree
global using System.Runtime.CompilerServices;
global using KvmSharp.Annotations;
global using KvmSharp.Machine;

global using static Linux.Arm64KvmHostH;
global using static Linux.Arm64MemoryH;
global using static Linux.Arm64PgtableH;
global using static Linux.Arm64UapiKvm;
global using static Linux.BugH;
global using static Linux.Core;
global using static Linux.CurrentH;
global using static Linux.ErrH;
global using static Linux.Errno;
global using static Linux.GfpH;
global using static Linux.GfpTypesH;
global using static Linux.IrqflagsH;
global using static Linux.KvmHostH;
global using static Linux.KvmTypesH;
global using static Linux.LockdepH;
global using static Linux.MemoryModelH;
global using static Linux.MmH;
global using static Linux.Mutex;
global using static Linux.PageFlagsH;
global using static Linux.PagemapH;
global using static Linux.PgtableH;
global using static Linux.PgtableHwdefH;
global using static Linux.PgtableProtH;
global using static Linux.PreemptH;
global using static Linux.Printk;
global using static Linux.RcupdateH;
global using static Linux.RwlockH;
global using static Linux.Rwsem;
global using static Linux.SchedH;
global using static Linux.SmpH;
global using static Linux.SpinlockH;
global using static Linux.Srcutree;
global using static Linux.UapiKvm;
