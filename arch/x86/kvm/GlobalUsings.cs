// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
#pragma warning disable IDE0005 // not every function is called in every state of the tree
global using static Linux.MmuInternalH;
global using static Linux.SpteH;
global using static Linux.TdpIterH;
global using static Linux.X86KvmHostH;
global using static Linux.X86UapiKvm;
