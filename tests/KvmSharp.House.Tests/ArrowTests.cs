// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace KvmSharp.House.Tests;

/// <summary>Which part of the tree may name which, over the real references in the compiled code.</summary>
[TestFixture]
internal sealed class ArrowTests
{
    /// <summary>For each folder of the kernel image: the folders whose functions its code may name.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["include"] = ["include", "lib", "kernel", "fs", "mm"],
        ["lib"] = ["include", "lib", "kernel"],
        ["kernel"] = ["include", "lib", "kernel"],
        ["fs"] = ["include", "lib", "kernel", "fs", "mm"],
        ["mm"] = ["include", "lib", "kernel", "fs", "mm"],
        ["virt"] = ["include", "lib", "kernel", "fs", "mm", "virt"],
    };

    /// <summary>
    /// Files of kernel/ where Linux itself calls up into mm: a process is put together there, and a futex is named by the page it lies in. The
    /// naming rule keeps them at their place.
    /// </summary>
    private static readonly string[] Upward = ["kernel/fork.cs", "kernel/futex/core.cs"];

    [Test]
    public void Folders_of_the_image_name_only_what_is_below_them()
    {
        using ModuleDefinition image = Repository.Load("KvmSharp.Kernel");
        var wrong = new SortedSet<string>(StringComparer.Ordinal);
        int edges = 0;
        foreach (MethodDefinition method in image.GetTypes().SelectMany(t => t.Methods).Where(m => m.HasBody))
        {
            if (Folder(method) is not { } from)
                continue;
            foreach (Instruction instruction in method.Body.Instructions)
            {
                if (instruction.Operand is not MethodReference reference || Resolve(reference) is not { } callee || callee.Module != image)
                    continue;
                if (Folder(callee) is not { } to || to == from)
                    continue;
                edges++;

                // A header may make and use objects. Its inline functions, where C has them, front the unit that they wrap; none fronts virt.
                if (from == "include" && (callee.IsConstructor || !callee.IsStatic))
                    continue;
                if (to == "mm" && Upward.Any(Url(method).EndsWith))
                    continue;
                if (!Allowed[from].Contains(to))
                    wrong.Add($"{from} -> {to}: {method.DeclaringType.Name}.{method.Name} names {callee.DeclaringType.Name}.{callee.Name}");
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(edges, Is.GreaterThan(100), "the test must see the tree's references");
            Assert.That(wrong, Is.Empty);
        });
    }

    [Test]
    public void The_machine_and_the_image_name_no_assembly_above_them()
    {
        Assert.Multiple(() =>
        {
            Assert.That(References("KvmSharp.Machine"), Is.SubsetOf(new[] { "KvmSharp.Annotations" }));
            Assert.That(References("KvmSharp.Kernel"), Is.SubsetOf(new[] { "KvmSharp.Annotations", "KvmSharp.Machine" }));
            Assert.That(References("KvmSharp.Arch.X86"), Has.No.Member("KvmSharp.Arch.Arm64").And.No.Member("KvmSharp.Init"));
            Assert.That(References("KvmSharp.Arch.Arm64"), Has.No.Member("KvmSharp.Arch.X86").And.No.Member("KvmSharp.Init"));
        });
    }

    [Test]
    public void The_machine_names_no_Linux_structure()
    {
        using ModuleDefinition machine = Repository.Load("KvmSharp.Machine");
        string[] snake = machine.GetTypes().Where(t => !t.Name.Contains('<', StringComparison.Ordinal))
            .Where(t => t.Name.Contains('_', StringComparison.Ordinal) && char.IsLower(t.Name[0])).Select(t => t.Name).ToArray();
        Assert.That(snake, Is.Empty);
    }

    /// <summary>Documentation/house-arrows.md is drawn from the compiled references. Run with KVMSHARP_UPDATE_DOCS=1 to draw it anew.</summary>
    [Test]
    public void The_drawing_of_the_house_is_what_the_code_says()
    {
        string path = Path.Combine(Repository.Root, "Documentation", "house-arrows.md");
        string drawing = Draw();
        if (Environment.GetEnvironmentVariable("KVMSHARP_UPDATE_DOCS") == "1")
            File.WriteAllText(path, drawing);
        Assert.That(File.ReadAllText(path).ReplaceLineEndings("\n"), Is.EqualTo(drawing));
    }

    private static string Draw()
    {
        var edges = new SortedSet<string>(StringComparer.Ordinal);
        using (ModuleDefinition image = Repository.Load("KvmSharp.Kernel"))
        {
            foreach (MethodDefinition method in image.GetTypes().SelectMany(t => t.Methods).Where(m => m.HasBody))
            {
                foreach (Instruction instruction in method.Body.Instructions)
                {
                    if (instruction.Operand is MethodReference reference && Resolve(reference) is { } callee && callee.Module == image
                        && Folder(method) is { } from && Folder(callee) is { } to && from != to)
                        edges.Add($"    {from} --> {to}");
                }
            }
        }

        foreach (string assembly in new[] { "KvmSharp.Kernel", "KvmSharp.Arch.X86", "KvmSharp.Arch.Arm64", "KvmSharp.Init" })
        {
            foreach (string reference in References(assembly).Where(r => r != "KvmSharp.Annotations"))
                edges.Add($"    {Box(assembly)} ==> {Box(reference)}");
        }

        return "# The arrows of the house\n\nDrawn from the compiled references by a test. Thin arrows are calls between folders of the kernel image, thick ones references between\n"
            + "assemblies.\n\n```mermaid\ngraph TD\n" + string.Join('\n', edges) + "\n```\n";
    }

    private static string Box(string assembly) => assembly switch
    {
        "KvmSharp.Kernel" => "image[kernel image]",
        "KvmSharp.Machine" => "machine",
        "KvmSharp.Arch.X86" => "x86[arch/x86]",
        "KvmSharp.Arch.Arm64" => "arm64[arch/arm64]",
        _ => "start[init]",
    };

    private static string[] References(string assembly)
    {
        using ModuleDefinition module = Repository.Load(assembly);
        return module.AssemblyReferences.Select(r => r.Name).Where(n => n.StartsWith("KvmSharp", StringComparison.Ordinal)).ToArray();
    }

    private static MethodDefinition? Resolve(MethodReference reference)
    {
        try
        {
            return reference.Resolve();
        }
        catch (AssemblyResolutionException)
        {
            return null;
        }
    }

    private static string Url(MethodDefinition method) =>
        method.DebugInformation.SequencePoints.FirstOrDefault()?.Document.Url.Replace('\\', '/') ?? string.Empty;

    private static string? Folder(MethodDefinition method)
    {
        string url = Url(method);
        if (url.Length == 0)
            return null;
        string[] parts = url.Split('/');

        // From the right: a checkout may itself lie in a folder of that name.
        int at = Array.FindLastIndex(parts, p => Allowed.ContainsKey(p));
        while (at > 0 && Allowed.ContainsKey(parts[at - 1]))
            at--;
        return at < 0 ? null : parts[at];
    }
}
