// SPDX-License-Identifier: GPL-2.0-only
#pragma warning disable IDE0005 // the same set in every test file
global using System.Runtime.CompilerServices;
global using KvmSharp.Machine;
global using Linux;
global using static Linux.Arm64Mmu;
global using static Linux.Arm64PgtableH;
global using static Linux.BugH;
global using static Linux.CurrentH;
global using static Linux.Errno;
global using static Linux.FaultInject;
global using static Linux.GfpH;
global using static Linux.GfpTypesH;
global using static Linux.IrqflagsH;
global using static Linux.KvmHostH;
global using static Linux.KvmTypesH;
global using static Linux.MemoryModelH;
global using static Linux.MmH;
global using static Linux.Pageattr;
global using static Linux.PgtableH;
global using static Linux.PgtableHwdefH;
global using static Linux.PgtableProtH;
global using static Linux.UapiKvm;
