// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Mono.Cecil;

namespace KvmSharp.House.Tests;

/// <summary>A host is an instance: nothing mutable is process-wide.</summary>
[TestFixture]
internal sealed class StaticsTests
{
    private static readonly string[] MutableCollections = ["List`1", "Dictionary`2", "HashSet`1", "Queue`1", "Stack`1", "ConcurrentDictionary`2"];

    [TestCase("KvmSharp.Kernel", "Linux.CurrentH::t_current")]
    [TestCase("KvmSharp.Arch.X86", null)]
    [TestCase("KvmSharp.Arch.Arm64", null)]
    [TestCase("KvmSharp.Machine", null)]
    [TestCase("KvmSharp.Init", null)]
    public void No_mutable_statics(string assembly, string? allowed)
    {
        using ModuleDefinition module = Repository.Load(assembly);
        string[] wrong = module.GetTypes().SelectMany(t => t.Fields)
            .Where(f => f.IsStatic && !f.IsLiteral && !CompilerMade(f))
            .Where(f => !f.IsInitOnly || IsMutable(f.FieldType))
            .Select(f => $"{f.DeclaringType.FullName}::{f.Name}")
            .Where(n => n != allowed)
            .Order(StringComparer.Ordinal).ToArray();
        Assert.That(wrong, Is.Empty);
    }

    private static bool CompilerMade(FieldDefinition field) =>
        field.Name.Contains('<', StringComparison.Ordinal) || field.DeclaringType.FullName.Contains('<', StringComparison.Ordinal);

    private static bool IsMutable(TypeReference type) => MutableCollections.Contains(type.GetElementType().Name);
}
