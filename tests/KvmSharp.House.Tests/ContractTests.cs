// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace KvmSharp.House.Tests;

/// <summary>What the analyzers of the tree are told not to look at, and what they are told without proof.</summary>
[TestFixture]
internal sealed class ContractTests
{
    private static readonly string[] Assemblies = ["KvmSharp.Machine", "KvmSharp.Kernel", "KvmSharp.Arch.X86", "KvmSharp.Arch.Arm64", "KvmSharp.Init"];

    /// <summary>Documentation/analyzers/exceptions.md is the list of them. Run with KVMSHARP_UPDATE_DOCS=1 to write it anew.</summary>
    [Test]
    public void The_list_of_exceptions_is_what_the_code_says()
    {
        string path = Path.Combine(Repository.Root, "Documentation", "analyzers", "exceptions.md");
        string list = List();
        if (Environment.GetEnvironmentVariable("KVMSHARP_UPDATE_DOCS") == "1")
            File.WriteAllText(path, list);
        Assert.That(File.ReadAllText(path).ReplaceLineEndings("\n"), Is.EqualTo(list));
    }

    [Test]
    public void An_exception_has_a_reason()
    {
        foreach (string assembly in Assemblies)
        {
            using ModuleDefinition module = Repository.Load(assembly);
            Assert.That(Unsafe(module).Where(u => u.Reason.Trim().Length < 12).Select(u => u.Member), Is.Empty);
        }
    }

    private static string List()
    {
        var text = new StringBuilder();
        text.Append("# Exceptions\n\nWritten by a test from the compiled tree.\n\n");
        text.Append("## Bodies that are not analysed\n\nTheir contracts bind callers all the same.\n\n| Member | Reason |\n|---|---|\n");
        foreach (string assembly in Assemblies)
        {
            using ModuleDefinition module = Repository.Load(assembly);
            foreach ((string member, string reason) in Unsafe(module))
                text.Append("| `").Append(member).Append("` | ").Append(reason).Append(" |\n");
        }

        text.Append("\n## Counts that change hands unseen\n\n`HandOver()` and `TakeOver()` of `include/Ownership.cs`.\n\n| Where | What | Who |\n|---|---|---|\n");
        foreach (string assembly in Assemblies)
        {
            using ModuleDefinition module = Repository.Load(assembly);
            foreach (string line in Transfers(module))
                text.Append(line);
        }

        return text.ToString();
    }

    private static List<(string Member, string Reason)> Unsafe(ModuleDefinition module)
    {
        var list = new List<(string, string)>();
        foreach (TypeDefinition type in module.GetTypes())
        {
            foreach (ICustomAttributeProvider member in new ICustomAttributeProvider[] { type }.Concat(type.Fields).Concat(type.Methods).Concat(type.Properties))
            {
                CustomAttribute? mark = member.CustomAttributes.FirstOrDefault(a => a.AttributeType.FullName == "KvmSharp.Annotations.ContextUnsafeAttribute");
                if (mark is null)
                    continue;
                string name = member is TypeDefinition ? type.Name : $"{type.Name}.{((IMemberDefinition)member).Name}";
                list.Add((name, (string)mark.ConstructorArguments[0].Value));
            }
        }

        // Overloads of one name for one reason are one line.
        return [.. list.Distinct().OrderBy(u => u.Item1, StringComparer.Ordinal).ThenBy(u => u.Item2, StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Transfers(ModuleDefinition module) =>
        from type in module.GetTypes()
        from method in type.Methods
        where method.HasBody
        from instruction in method.Body.Instructions
        where instruction.Operand is MethodReference { DeclaringType.FullName: "Linux.Ownership" }
        let callee = (MethodReference)instruction.Operand
        let who = (string)instruction.Previous.Operand
        let line = $"| `{Readable(method)}` | {callee.Parameters[0].ParameterType.Name}, {(callee.Name == "TakeOver" ? "from" : "to")} | {who} |\n"
        group line by line into same
        orderby same.Key
        select same.Key;

    // A lambda is listed under the member that contains it.
    private static string Readable(MethodDefinition method)
    {
        string name = method.Name;
        int open = name.IndexOf('<', StringComparison.Ordinal);
        if (open >= 0)
            name = name[(open + 1)..name.IndexOf('>', StringComparison.Ordinal)];
        TypeDefinition type = method.DeclaringType;
        while (type.Name.Contains('<', StringComparison.Ordinal) && type.DeclaringType is { } outer)
            type = outer;
        return $"{type.Name}.{name}";
    }
}
