// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace System.Runtime.CompilerServices;

/// <summary>Lets init accessors compile for netstandard2.0.</summary>
internal static class IsExternalInit
{
}
